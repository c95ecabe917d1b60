"""What a series name says, by the vocabulary of vendors and sites, not by a list of known names.

Names are the last witness: they break a tie between roles that the tags leave open. Where a name is all there is
(`mome-node roles`), the order of the rules matters: what was computed comes before what it was computed from, so that
a subtraction or an ADC map is never taken for the images it came from.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from mome_core.case import Role


class Moment(StrEnum):
    """Before or after the contrast agent."""

    PRE = "pre"
    POST = "post"


@dataclass(frozen=True, slots=True)
class NameReading:
    """What one name says.

    role : the likeliest part; OTHER with confidence 0 when the name says nothing.
    word : the word that decided, for the explanation.
    fat_suppressed, moment, phase_number : None where the name is silent.
    """

    role: Role
    confidence: float
    word: str
    fat_suppressed: bool | None = None
    moment: Moment | None = None
    phase_number: int | None = None


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern of whole words; names are normalised to lower case with single blanks before it is tried."""
    return re.compile(r"(?<![a-z0-9])(?:" + "|".join(alternatives) + r")(?![a-z0-9])")


# Each rule: role, pattern, confidence. The first that fits decides. Chinese terms have no word borders.
COMPUTED: tuple[tuple[Role, re.Pattern[str], float], ...] = (
    (
        Role.SEG,
        words("masks?", "(?:auto)?seg(?:mentation|ment|mented)?s?", "rois?", "contours?", "labels?", "maske"),
        0.9,
    ),
    (
        Role.MIP,
        words(
            r"\w*mips?",
            r"mips?(?!\d*x)\w*",
            "minip",
            "maxip",
            "max ip",
            "min ip",
            "pjn",
            "proj",
            "projections?",
            "max(?:imum)? intensity",
        ),
        0.95,
    ),
    (
        Role.SUBTRACTION,
        re.compile(
            r"(?<![a-z0-9])sub(?!j|ax|cut|acu|opt|mand|clin|phren|sys)\w*|(?<=[a-z])(?<!no)subs?(?![a-z])|soustr\w*|(?<![a-z])sous(?! seq)(?![a-z])"
            r"|sust?racc?\w*|substra\w*|(?<![a-z])resta(?:do|da|s)?(?![a-z])|sottraz\w*|subtrac\w*|subtrak\w*|(?<![a-z])minus(?![a-z])"
            r"|\)\s*-\s*\(|(?<![a-z0-9])s\d+\s?-\s?\d+\s?dyn|(?<![a-z0-9])s[ _]?dyn|^\s*s-?e?-?thrive|(?<![a-z])(?:ph|post|dyn|phase|p)\s?\d+\s?-\s?(?:ph|pre|post|dyn|phase|p)\s?\d*(?![a-z])"
            r"|(?<![a-z])post\s?-\s?pre(?![a-z])|减影|減影|剪影|差分|サブトラクション"
        ),
        0.95,
    ),
    (
        Role.ADC,
        re.compile(r"(?<![a-z0-9])[de]?adc(?![a-z])|(?<=[a-z_])adc(?![a-z])|apparent diff\w*|coeff?icient|表观"),
        0.95,
    ),
    (
        Role.MPR,
        words(r"mprs?", r"mpr\w*", "reformat\\w*", "rfmt?", "reconstruct\\w*", "multiplanar\\w*", "curved", "重建"),
        0.9,
    ),
    (
        Role.DERIVED_MAP,
        words(
            "ser",
            "pe\\d?",
            "maps?",
            "colou?r",
            "colfa",
            r"fa(?! ?\d)",
            "ktrans",
            "k trans",
            "kep",
            "iauc\\d*",
            "i?auc",
            "ttp",
            "mtt",
            "r?cbv",
            "r?cbf",
            "wash ?(?:in|out)\\w*",
            "slope",
            "max slope",
            "peak enh\\w*",
            "(?:max|rel\\w*) enh\\w*",
            "time to peak",
            "param\\w*",
            "tmax",
            "kurtosis",
            "t[12]\\*? ?mapp?ing",
            "perfusion fraction",
            "angiomap",
            "cad",
            "cadstream",
            "dynacad",
            "tissue 4d",
            "dreg",
            "mean curve",
            "calc(?:ulated)? ?b\\w*",
            "(?:syn\\w*|computed|calc\\w*|csi?) ?b ?\\d+",
            "cdwi",
            "synthetic",
            "exp",
            "tensor b0",
            "伪彩",
            "参数",
        ),
        0.85,
    ),
    (
        Role.OTHER,
        words(
            "svs",
            "csi",
            "press",
            "mrs",
            "spectro\\w*",
            "shim\\w*",
            "(?:asset )?cal(?:ib\\w*)?",
            "b[01] ?map",
            "field ?map\\w*",
            "phoenix\\w*",
            "ref(?:erence)? ?scan",
            "sense ?ref\\w*",
            "coil ?(?:survey|sens\\w*)",
            "prescan",
            "silicone?s?",
            "silikon\\w*",
            "silicona",
            "implants?",
            "prothes\\w*",
            "protes\\w*",
            "water ?sat\\w*",
            "flair",
            "screen ?(?:save|shot|cap\\w*)",
            "secondary capture",
            "reports?",
            "summary",
            "protocol",
            "dose",
            "smart ?prep",
            "care ?bolus",
            "bolus ?(?:track\\w*|test|timing)",
            "test ?bolus",
            "fluoro\\w*",
            "tof",
            "mra",
            "angio\\w*",
            "asl",
            "pcasl",
            "bold",
            "swi\\w*",
            "swan",
            "t2 ?star",
            "t2\\*",
            "pd\\w*",
            "elasto\\w*",
            "cine",
            "key ?images?",
            "exam",
            "curve\\w*",
            "graph\\w*",
            "opp",
            "opposed(?: ?phase)?",
            "out(?:of)? ?phase",
            "opp ?phase",
            "op",
        ),
        0.85,
    ),
    (
        Role.LOCALIZER,
        words(
            "locali[sz]\\w*",
            "localizador\\w*",
            "locs?",
            "loca",
            "3 ?p(?:l|lane)?s? ?loc\\w*",
            "loc\\d+",
            "\\w*scouts?",
            "scout\\w*",
            "survey\\w*",
            "surview",
            "pilots?",
            "3 ?pl(?:anes?)?",
            "tri ?planes?",
            "three ?plane",
            "topogram\\w*",
            "plan ?scan",
            "lokali\\w*",
            "uebersicht",
            "ubersicht",
            "reperage",
            "position\\w*",
            "centratura",
            "定位\\w*",
            "smart ?(?:breast|brain|exam)",
            "(?:auto)?align\\w*",
        ),
        0.95,
    ),
    (
        Role.FAT,
        re.compile(
            r"^\s*(?:\d+ )?fat\s?:|(?:dixon|flex|mdixon|ideal|lava)\b.*(?<![a-z])(?:f|fat)\s*$|(?<![a-z])fat ?only|^\s*(?:\d+ )?fat (?:ph|ax|sag|cor)|脂像"
        ),
        0.9,
    ),
)

DIFFUSION = re.compile(
    r"(?<![a-z])(?:dwi\w*|[a-z]*dwi(?![a-z])|dw(?![a-z])|e?dti(?![a-z])|diff?u?s?\w{0,6}(?<!ideal)(?<!different)|resolve|dwibs|ivim|tracew?|zoomit|muse|dif(?![a-z]))|(?<![a-z0-9])ep2d(?!.*(?:bold|fid|perf|asl|pace))"
    r"|(?<![a-z0-9])b ?-?(?:value)?s? ?=? ?\d{2,4}(?![0-9])|(?<![a-z0-9])\d+ ?b(?![a-z0-9]).*(?:epi|ep2d)|(?<![a-z])epi ?dw|(?<![a-z])b-?val|弥散|扩散|擴散|拡散"
)
INVERSION = re.compile(
    r"(?<![a-z])(?:stir\w*|[a-z]*stir(?![a-z])|tirm\w*|t[12]?ir2d|tir(?![a-z])|(?:tse|fse) ?ir|ir ?(?:tse|fse)|fir(?![a-z])|irtse|turbo ?stir)"
)
T1 = re.compile(
    r"(?<![a-z0-9])(?:t1\w*|[a-z]?t1w?i?(?![a-z0-9])|fl[23]d\w*|flash\w*|vibe\w*|fspgr\w*|f?spgr\w*|e?fgre\w*|vibrant\w*|e?-?thrive\w*|lava\w*|bravo|views?|\w*views(?![a-z])|[a-z]?ffe(?:3d)?|[a-z]*tfe\w*|gre(?![a-z])|gre fsp\w*|quick ?3ds?|tigre|star vibe|twist|disco|tricks|grasp)"
)
T2 = re.compile(
    r"(?<![a-z0-9])(?:[a-z]?t2\w*|(?:fr)?fse\w*|[a-z]*tse\w*|haste|ss-?fse|s?ssh(?!.*dw)|spc|space|blade|propeller|cube|vista|fiesta|ciss|xeta|radar|mvxd)|重t2|t2像"
)
DYNAMIC = re.compile(
    r"(?<![a-z])(?:dyn\w*|\d+ ?x ?dyn|dce\w*|[a-z]+dyn(?![a-z])|dinam\w*|multi ?-?phase?s?|multi(?![a-z ]*plan)(?![a-z])|mph(?![a-z])|mp(?![a-z0-9])|u-?fast|ultra ?-?fast|uf(?![a-z])|twist\w*|disco\w*|tricks|grasp\w*|4d\w*|perf\w*|time ?res\w*|kinetic\w*|tigre dyn)"
    r"|(?<![0-9+])\d{1,2} ?\+ ?\d{1,2}(?![0-9])|(?<![a-z0-9])\d+ ?(?:phases?|dyns?|meas)(?![a-z])|动态|動態|ダイナミック|多期"
)
SINGLE = words("single ?phase", "sp", "delayed?", "late", "spat\\w*", "tardi\\w*", "hi(?:gh)? ?-?res\\w*", "延迟")
PHASE_NUMBER = re.compile(
    r"(?<![a-z])(?:ph|phase|dyn ph|p)[ #:]?(?P<ph>\d{1,2})(?![0-9.]|\w*mm)|(?<![a-z])(?:post|po|c\+|\+c|gd|ce|gado|pc|km|apres|nach)(?: ?(?:contrast|gad\w*|gd|con|inj\w*|km|dyn))? ?#?(?P<post>\d{1,2})(?![0-9.]|\s?mm)"
    r"|(?<![0-9])(?P<nth>\d)(?:st|nd|rd|th)(?![a-z])|(?<![0-9.])(?P<min>\d{1,2}(?:\.\d)?) ?min(?:s|utes?)?(?![a-z])|第(?P<cn>\d)期"
)
PRE = re.compile(
    r"(?<![a-z])(?:pre(?:[ -]?(?:con\w*|gad\w*|gd|c|k|km|dyn\w*|inj\w*))?|nativ\w*|native?|dry|baseline|unenhanced|avant(?: inj\w*)?|vor (?:km|kontrast)|ohne (?:km|kontrast)"
    r"|sans (?:inj\w*|gado?\w*|contraste)|sin (?:contraste|gado?|civ|cte)|w ?/? ?o (?:con\w*|gad\w*|gd|c)|without (?:con\w*|gad\w*)|non ?-?con\w*|senza (?:mdc|contrasto)|no ?contrast|c-|s ?/ ?c)(?![a-z])|平扫|增强前|造影前"
)
POST = re.compile(
    r"(?<![a-z])(?:post\w*|\+ ?c|c ?\+|\+ ?gd|gd\w*|gad\w*|km|ce|nach (?:km|kontrast)|with (?:con\w*|gad\w*)|contrast(?:e|o)?|avec (?:inj\w*|gado)|apres(?: inj\w*)?|con (?:contraste|gado|civ|mdc)"
    r"|enhanced|enh|delayed?|late|dotarem|omniscan|inj(?:ected)?|pass|pas|mdc|wash)(?![a-z])|(?<![a-z])\+c|c\+|增强|增強|造影後|强化"
)
NOT_FAT_SUPPRESSED = re.compile(
    r"(?<![a-z])(?:(?:non?|not|nn|wo|w ?/ ?o|without|ohne|sans|sin|senza|zonder|un|sem)[ -]?(?:fs|f s|fat ?-?(?:sat\w*|sup\w*)?|sat\w*|spair|spir|sup\w*|fettsat\w*|fettsuppr\w*|grasa|graisse)|nfs|nnfs|wofs|nonfs|nofs|non ?-?fat\w*"
    r"|fat (?:is )?not sat\w*|(?:fat|fs) (?:off|no))(?![a-z])|非压脂|不压脂|无压脂"
)
FAT_SUPPRESSED = re.compile(
    r"(?<![a-z])(?:fs\d?|f s|fat ?-?sat\w*|fat ?-?sup\w*|fatsat\w*|spair\w*|aspir|spir|special|chess|water|wats?f?|we|proset|e-?thrive\w*|thrive|vibrant\w*|m?dixon\w*|flex|ideal\w*|lava|views|dynaviews\w*|stir|fettsat\w*|fett\w*unter\w*|sat(?:ur)? ?(?:de )?(?:grais\w*|gras\w*)|sup\w* ?(?:grais\w*|grasa\w*)|saturac\w*|quick ?3ds?|tigre|bliss|w(?=\s*$))(?![a-z])"
    r"|压脂|抑脂|脂肪抑制|[a-z]fs(?![a-z])"
)
NEUTRAL = re.compile(r"^(?:ax\w*|tra\w*|sag\w*|cor\w*|3d|2d|bilat\w*|bil|left|right|breasts?|l|r|\d+mm|obl\w*|\s)+$")


def normalised(name: str) -> str:
    """Lower case without accents; separators become single blanks, except the signs that carry meaning (+ - / : ( ) *)."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    spaced = re.sub(r"([a-z])(?=(?:VIEWS|DIXON|SPAIR|TRACEW|SUB|MIP|ADC|DYN)(?![a-z]))", r"\1 ", plain)
    text = re.sub(r"[_,;<>\[\]{}|\"'\\]+", " ", spaced.lower()).replace("f.s.", "fs")
    text = re.sub(r"^\s*\d{2,6}\s?[- ]\s?(?=[a-z])", "", text)  # "501-Ph1/...": a folder's series number
    return re.sub(r"\s+", " ", text).strip()


def read_name(name: str) -> NameReading:
    """What a series name alone says of its role, fat suppression, contrast and phase."""
    text = normalised(name)
    fat_suppressed = reads_fat_suppressed(text)
    moment, number = read_moment(text)
    for role, pattern, confidence in COMPUTED:
        if found := pattern.search(text):
            return NameReading(role, confidence, found.group().strip(), fat_suppressed, moment, number)
    for role, pattern in ((Role.DWI, DIFFUSION), (Role.T2_IR, INVERSION), (Role.T2, T2)):
        found = pattern.search(text)
        if found and not (role is Role.T2 and T1.search(text)):
            return NameReading(role, 0.9, found.group().strip(), fat_suppressed, moment, number)
    return read_t1(text, fat_suppressed, moment, number)


def reads_fat_suppressed(text: str) -> bool | None:
    """Whether the name says fat-suppressed, says the opposite (which contains the same words), or is silent."""
    if NOT_FAT_SUPPRESSED.search(text):
        return False
    return True if FAT_SUPPRESSED.search(text) else None


def read_moment(text: str) -> tuple[Moment | None, int | None]:
    """Pre or post, and the number of the phase; a name that says both says neither."""
    numbered = PHASE_NUMBER.search(text)
    groups = numbered.groupdict() if numbered else {}
    pre, post = bool(PRE.search(text)), bool(POST.search(text))
    number = next((int(float(value)) for value in groups.values() if value), None)
    post = post or bool(groups.get("post") or groups.get("nth"))
    if pre == post:
        return None, number
    return (Moment.PRE if pre else Moment.POST), number


def read_t1(text: str, fat_suppressed: bool | None, moment: Moment | None, number: int | None) -> NameReading:
    """The roles of T1: a dynamic, one of its phases, or a series that stands alone."""
    dynamic, t1, single = DYNAMIC.search(text), T1.search(text), SINGLE.search(text)

    def reading(role: Role, confidence: float, word: str) -> NameReading:
        return NameReading(role, confidence, word, fat_suppressed, moment, number)

    if dynamic and "+" in dynamic.group() and not single:
        return reading(Role.DCE_MULTI, 0.9, dynamic.group())
    if number is not None and fat_suppressed is not False and not single:
        role = Role.DCE_POST if moment is Moment.POST else Role.DCE_PHASE
        return reading(role, 0.8, f"phase {number}")
    if dynamic and not single:
        by_moment = {Moment.PRE: Role.DCE_PRE, Moment.POST: Role.DCE_POST, None: Role.DCE_MULTI}
        strong = moment if PRE.search(text) or re.search(r"(?<![a-z])post", text) else None
        return reading(by_moment[strong], 0.8, dynamic.group())
    if fat_suppressed is False:
        return reading(Role.T1_NONFS, 0.85, "without fat suppression")
    if fat_suppressed:
        return reading(Role.T1_FS_SINGLE, 0.7 if t1 else 0.5, "fat suppression")
    if t1:
        return reading(Role.T1_FS_SINGLE if moment is Moment.POST else Role.T1_NONFS, 0.5, t1.group())
    if moment is not None:
        return reading(Role.DCE_PRE if moment is Moment.PRE else Role.DCE_POST, 0.5, moment)
    return reading(Role.OTHER, 0.0, "")
