"""What a series name says, by the vocabulary of vendors and sites, not by a list of known names.

Names are asked last: they break a tie between roles that the tags leave open. Where a name is all there is
(`mome-node roles`), the order of the rules matters: what was computed comes before what it was computed from, so that
a subtraction or an ADC map is never taken for the images it came from. The words are those of Siemens, GE, Philips,
United Imaging, Canon and Hitachi protocols and of English, German, French, Spanish, Italian, Portuguese, Dutch and
Chinese sites.
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

    Parameters
    ----------
    role
        The likeliest; OTHER with confidence 0 when the name says nothing.
    word
        The word that decided, for the explanation.
    fat_suppressed, moment, phase_number
        None where the name is silent.
    """

    role: Role
    confidence: float
    word: str
    fat_suppressed: bool | None = None
    moment: Moment | None = None
    phase_number: int | None = None


def _vocabulary(*lines: str) -> re.Pattern[str]:
    """A pattern of whole words from lines of words, separated by blanks.

    In a word `~` stands for an optional blank or hyphen and a trailing `-` for any ending. Names are normalised before
    the pattern is tried (lower case, no accents). Chinese words have no borders.
    """
    words = " ".join(lines).split()
    latin = [word.replace("~", "[ -]?") for word in words if word.isascii()]
    latin = [f"{word[:-1]}[a-z]*" if word.endswith("-") else word for word in latin]
    chinese = [word for word in words if not word.isascii()]
    return re.compile("|".join([rf"(?<![a-z0-9])(?:{'|'.join(latin)})(?![a-z0-9])", *chinese]))


_SEGMENTATION = _vocabulary("mask masks maske segmentation- segmented seg autoseg roi rois contour contours")
_PROJECTION = _vocabulary(
    r"[a-z]*mips? mip[a-z]* min~?ip max~ip pjn proj projection- maximum~intensity- max~intensity- rad(?:ial)?~mip",
    "最大密度投影",
)
# "sub" also inside a word ("dynaSUB"), but not in subject, subcutaneous, subaxial, subacute ...
_SUBTRACTION = re.compile(
    r"(?<![a-z0-9])subs?(?![a-z])|(?<![a-z0-9])s?subtr[a-z]*|(?<![a-z0-9])subt(?![a-z])|(?<![a-z0-9])sub(?:dyn|post|pre|ph|mip|ax|tra|sag|cor)[a-z]*"
    r"|(?<=[a-z])subs?(?![a-z])|(?<![a-z])(?:substra|soustr|sustr?acc?|sottraz)[a-z]*|(?<![a-z])sous(?![a-z])"
    r"|(?<![a-z])resta(?:s|da|do)?(?![a-z])|(?<![a-z])minus(?![a-z])|\)\s*-\s*\("
    r"|(?<![a-z0-9])s\d+ ?- ?\d+ ?[a-z]|(?<![a-z0-9])s ?dyn|^s-?e?-?thrive|^swip"  # Philips: S3-1DYN, sDYN
    r"|(?<![a-z])su ?\d(?!\d)"
    r"|(?<![a-z])(?:ph|phase|post|dyn|p) ?\d+ ?- ?(?:ph|phase|pre|post|dyn|p) ?\d*(?![a-z])"
    r"|(?<![a-z])post ?- ?pre(?![a-z])|(?<![a-z])differen[czt][a-z]*|(?<![a-z])diff ?\d{1,2} ?- ?\d{1,2}(?!\d)"
    r"|^s?\d{1,2} ?- ?\d{1,2}$|(?<![a-z])jianying(?![a-z])|减影|減影|剪影|サブトラクション"
)
_DIFFUSION_MAP = re.compile(
    r"(?<![a-z0-9])[de]?adc(?![a-z])|(?<=[a-z0-9])adc(?![a-z])|^d(?:wip|dwi)(?![a-z])|apparent ?diff[a-z]*|diff[a-z]* apparent[a-z]*"
    r"|(?<![a-z])(?:cda|av(?:erage|g)? ?dc)(?![a-z])|表观"
)
_REFORMAT = _vocabulary(
    r"mprs? mpr(?!age)[a-z]*\d* [a-z]+mpr reformat- rfmt? rfm reft recons? reconstr- rekon- multi~?planar- curved 重建 多平面"
)
_PARAMETER_MAP = re.compile(
    _vocabulary(
        r"ser\d? pe\d* [a-z]*maps? colou?r colfa fa ktrans k~trans kep ve iauc- auc ttp mtt r?cbv r?cbf tmax slope[a-z]*",
        "wash~in wash~out max~slope peak~enh- max~enh- relative~enh- rel~enh- time~to~peak param- kurtosis mean~curve",
        r"t[12]\*?~map- t[12]map- pei mip_t cad cadstream dynacad dreg exp(?:onential)? tensor~b0 perfusion~map-",
        r"(?<!diffusion\s)(?<!fse\s)tensor fractional~ani?s- percent(?:age)?~enh- pos(?:itive)?~enh- signal~enh- integral msi",
        r"kinetic~(?:curve|map|col)- overlay- calc(?:ulated)?~b[a-z0-9]* calc~bval (?:syn|synthetic|computed|calculated|calc)~b~?\d+ cdwi synthetic 伪彩 参数",
    ).pattern
    # the letters that scanners append: wash-in, wash-out, mean diffusivity and kurtosis, anisotropy
    + r"|(?<![a-z])dyn.*(?<![a-z])w[io]$|(?<![a-z])(?:dti|dki|dwi|diff)(?![a-z]).*(?<![a-z])(?:m[dk]|[arv]d|ra)$"
    + r"|^e(?:wip|dwi)(?![a-z])"  # Philips: the exponential of an ADC
)
_SPECIAL = _vocabulary(
    "svs csi press mrs spectro- silicon- silikon- implants? implantat- prothes- protes- water~?sat",
    r"flair dark~fluid asl pcasl bold[a-z0-9]* swi swan tof mra angio- t2~star t2\* t2star pd pdw pd~tse elasto- mre cine fluoro- shim-",
    "pos~?disp fmap- gre~field- cal calib- asset~cal b[01]~?map field~?map- ref~?scan reference~scan sense~ref- prescan coil~sens- coil~survey",
    "needle- biops- biopt- bx obturator- trocar- coax- introducer- wire~loc- hook~?wire-",
    "opp opposed opp~phase out~?phase out~of~phase op care~?bolus smart~?prep bolus~track- test~?bolus 水抑制",
)
_VAGUE = _vocabulary(
    "phoenix- screen~?save screenshot screen~?cap- secondary~capture reports? summary dose curves? graphs? key~images?"
)
_LOCALIZER = _vocabulary(
    r"locali[sz]- localizador- locs? loca loc\d+ locator- [a-z0-9]*scouts? scout[a-z]* surv survey- surview pilots? 3~?planes? 3~?pl",
    "tri~?planes? three~plane topogram- plan~scan lokali- uebersicht ubersicht reperage posizion- centratura",
    "smart~?breast smart~?brain auto~?align- loka fast~?view dingwei 定位",
)
_FAT_IMAGE = re.compile(
    r"^(?:\d+ )?fat ?:|^(?:\d+ )?fat (?:ph\d|ax|sag|cor|tra)|(?:dixon|flex|ideal).*(?<![a-z])(?:f|fat)$|fat ?only|脂像"
)
_DIFFUSION = re.compile(
    r"(?<![a-z])(?:[a-z]*dwi[a-z]*|dw|dw ?ss?h?fse|dwibs|dti|diff?|diffu[a-z]*|difu[a-z]*|diff?[a-z]{0,2}us[a-z]*|resolve|ivim"
    r"|tracew?|zoomit|muse|kuosan|misan)(?![a-z])|(?<![a-z0-9])ep2d(?!.*(?:bold|fid|perf|asl|pace))|(?<![a-z])epi ?d[wt]i?"
    r"|(?<![a-z0-9])b ?-?(?:value)?s? ?[=:]? ?\d{2,4}(?![0-9])|(?<![a-z])b[ -]?val|弥散|彌散|扩散|擴散|拡散"
)
_INVERSION = _vocabulary(
    r"stir- [a-z]+stir tirm- t2~?ir2d tir2d tir fir irtse irfse (?:tse|fse)~ir ir~(?:tse|fse) turbo~stir 短反转"
)
_T2 = _vocabulary(
    r"[a-z]?t2[a-z]* (?:sag|ax|cor|tra)[a-z]*t2[a-z]* frfse- fse- [a-z]*tse[a-z0-9]* haste ss~?fse s?ssh[a-z]* spc space blade propeller cube vista",
    "fiesta ciss xeta radar mvxd 重t2 t2像",
)
_T1 = _vocabulary(
    r"[a-z]?t1[a-z]* (?:sag|ax|cor|tra)[a-z]*t1[a-z]* [a-z]*fl[23]d[a-z0-9]* flash- vibe- [a-z]+vibe mp2?rage- [ef]*spgr[a-z0-9]* e?fgre[a-z0-9]* vibrant-",
    r"e~?thrive- thrive- lava- bravo [a-z]*views? [a-z0-9]*ffe[a-z0-9]* [a-z0-9]*tfe gre gre~fsp[a-z0-9]* quick~?3ds?",
    "tigre- twist disco tricks grasp",
)
_SPIN_ECHO = _vocabulary("[a-z]*tse fse se")
_DYNAMIC = re.compile(
    _vocabulary(
        r"dyn[a-z]* [a-z]+dyn dce dinam- multi~?phases? multi mph mp u~?fast ultra~?fast uf twist- disco- tricks",
        r"grasp- 4d[a-z]* perf perfusion time~res- kinetic- \d+~?(?:phases?|dyns?|meas) \d+~x~dyn[a-z]*",
        "dongtai 动态 動態 ダイナミック 多期",
    ).pattern
)
_COUNTED = re.compile(  # 1+5: one pre-contrast phase and five after
    r"(?<![0-9+.])\d{1,2} ?(?:pre ?)?\+ ?\d{1,2}(?![0-9])|(?<![a-z])(?:pre|nativ[a-z]*) ?\+ ?\d{1,2}(?![0-9])"
    r"|(?<![a-z])pre[^a-z]{1,6}\d{1,2}[ -]?posts?(?![a-z])|(?<![a-z0-9])\d{1,2} ?x ?/ ?\d{1,3} ?s"
)
_SINGLE = _vocabulary("single~?phase delayed? late spat- tardi- tardy hi(?:gh)?~?res- 延迟 延时")
_PHASE = re.compile(
    r"(?<![a-z])(?:ph|phase|fase)[ #:]?(?P<phase>\d{1,2})(?![0-9.])"
    r"|(?<![a-z])(?:post|po|c\+|\+c|gd|ce|gado|pc|km|apres|nach)(?: ?(?:contrast|gad[a-z]*|gd|con|inj[a-z]*|km|dyn))?"
    r" ?#?(?P<post>\d{1,2})(?![0-9.]| ?mm)"
    r"|(?<![0-9a-z])(?P<nth>\d)(?:st|nd|rd|th)(?![a-z])|(?<![0-9.])(?P<minute>\d{1,2}) ?min(?:s|utes?)?(?![a-z])"
    r"|第(?P<chinese>\d)期"
)
_PRE = _vocabulary(
    r"pre (?:pre|no|non|without|w/o|sans|senza|ohne)~(?:con-|gad-|gd|c|km|kontrast-|inj-|mdc|gado) pre~?dyn- pre(?:c|k|gd)",
    "before~dyn- vor~dyn- precon- nativ- native dry baseline unenhanced avant vor~km sin~(?:contraste|gado|civ|cte) c[-] s/c pingsao 平扫 增强前 造影前",
)
_POST = re.compile(
    r"(?<![a-z])(?:post[a-z]*|gd|gad[a-z]*|km|ce|contrast[a-z]*|apres|enhanced|enh|delayed?|late|dotarem|omniscan"
    r"|inj(?:ected|ection)?|pass|pas|mdc|con civ|zengqiang)(?![a-z])|\+ ?c(?![a-z])|(?<![a-z])c ?\+|(?<!前)(?:增强|增強|强化)(?!前)"
)
_SIDE = re.compile(r"(?:left|right|lt|rt) side(?![a-z])")
_PRE_AND_POST = re.compile(r"pre ?[/&+-]? ?post")
_SAYS_POST = re.compile(r"(?<![a-z])post(?![a-z]*process)")
_NOT_FAT_SUPPRESSED = re.compile(
    r"(?<![a-z])(?:non?|not|nn|wo|w ?[/-] ?o(?:ut)?|without|nicht|ohne|kein|keine|sans|sin|senza|zonder|sem)[ -]*(?:fs|f s|fat[a-z]*|sat[a-z]*|spair"
    r"|spir|sup[a-z]*|fett[a-z]*|grais[a-z]*|gras[a-z]*)(?![a-z])|(?<![a-z])(?:nfs|nnfs|wofs|nonfs|nofs)(?![a-z])"
    r"|(?<![a-z])(?:fat|fs)(?: ?sat)? (?:off|not [a-z]+)(?![a-z])|unsuppressed|(?<![a-z])in ?-?phase(?![a-z])|(?:dixon|flex|ideal).*(?<![a-z])in$|非压脂|不压脂|无压脂"
)
_FAT_SUPPRESSED = _vocabulary(
    r"fs\d? [a-z]+fs f~s fat~?sat- fat~?sup- spair- aspir spir special chess water wats?f? we proset e~?thrive-",
    r"thrive- vibrant- m?dixon- flex ideal- lava- [a-z]*views stir fettsat- fett[a-z]*unter[a-z]* sat~(?:de~)?gra[a-z]*",
    "yazhi satgra- sup[a-z]*~(?:de~)?gra- saturac- quick~?3ds? tigre bliss w 压脂 抑脂 脂肪抑制",
)

# The order decides: the last computation first, then what it was computed from.
_COMPUTED: tuple[tuple[Role, re.Pattern[str], float], ...] = (
    (Role.SEG, _SEGMENTATION, 0.9),
    (Role.MIP, _PROJECTION, 0.95),
    (Role.SUBTRACTION, _SUBTRACTION, 0.95),
    (Role.ADC, _DIFFUSION_MAP, 0.95),
    (Role.MPR, _REFORMAT, 0.9),
    (Role.LOCALIZER, _LOCALIZER, 0.95),
    (Role.OTHER, _SPECIAL, 0.85),
    (Role.DERIVED_MAP, _PARAMETER_MAP, 0.85),
    (Role.OTHER, _VAGUE, 0.6),
    (Role.FAT, _FAT_IMAGE, 0.9),
    (Role.DWI, _DIFFUSION, 0.9),
    (Role.T2_IR, _INVERSION, 0.9),
)


# Words written together: dynaVIEWS, 1+5SUB, CurveMap
_GLUED = re.compile(
    r"(?<=[a-z0-9])(?=(?:VIEWS|DIXON|SPAIR|TRACEW|SUB|MIPs?|MPR|ADC|CAD|DYN|MASK|PJN|RFMT)(?![a-z])|[A-Z][a-z]{2})"
)


_TRIAL = re.compile(r"^(?!ph|fase|post|pre|dyn|ser|echo|bval|slice|time)[a-z]{3,}[ -]?\d+ ?: ?(?=\S)")  # "ISPY2: ..."
_COUNTED_BOTH = re.compile(r"(?<![a-z0-9])(\d{1,2})-pre[^a-z]{1,6}(\d{1,2})-?post(?=s?(?![a-z]))")


def _normalised(name: str) -> str:
    """Lower case without accents; separators become single blanks, except the signs that carry meaning."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    text = _GLUED.sub(" ", plain).lower()
    text = re.sub(r"[_,;<>\[\]{}|\"'\\]+", " ", text)
    text = re.sub(r"(?<![a-z])f[./]s\b\.?", "fs", text)
    text = re.sub(r"^\s*\d{2,6}\s?[- ]\s?(?=[a-z])", "", text)  # "501-Ph1/...": the series number of a folder
    text = without_trial(text)
    text = _COUNTED_BOTH.sub(r"\1 pre \2 post", text)  # here the hyphen is no minus
    return re.sub(r"\s+", " ", text).strip()


def without_trial(text: str) -> str:
    """A name in lower case without the trial that was written in front of it ("ispy2: ax dyn", but not "sub1: ax")."""
    found = _TRIAL.match(text)
    is_trial = found and not any(pattern.search(found.group()) for _, pattern, _ in _COMPUTED)
    return text[found.end() :] if found and is_trial else text


def read_name(name: str) -> NameReading:
    """What a series name alone says of its role, fat suppression, contrast and phase."""
    text = _normalised(name)
    fat_suppressed = _reads_fat_suppressed(text)
    moment, number = _read_moment(text)
    role, confidence, word = _read_role(text) or _read_t1_role(text, fat_suppressed, moment, number)
    return NameReading(role, confidence, word.strip(), fat_suppressed, moment, number)


def _read_role(text: str) -> tuple[Role, float, str] | None:
    """The role of everything but T1, None when the name may mean a T1."""
    for role, pattern, confidence in _COMPUTED:
        if found := pattern.search(text):
            return role, confidence, found.group()
    found = _T2.search(text)
    return (Role.T2, 0.9, found.group()) if found and not _T1.search(text) else None


def _reads_fat_suppressed(text: str) -> bool | None:
    """Whether the name says fat-suppressed, says the opposite (which contains the same words), or is silent."""
    if _NOT_FAT_SUPPRESSED.search(text):
        return False
    return True if _FAT_SUPPRESSED.search(text) else None


def _read_moment(text: str) -> tuple[Moment | None, int | None]:
    """Pre or post, and the number of the phase; a name that says both says neither."""
    numbered = _PHASE.search(text)
    numbers = {kind: int(value) for kind, value in (numbered.groupdict() if numbered else {}).items() if value}
    number = next(iter(numbers.values()), None)
    pre, post = bool(_PRE.search(text)), bool(_POST.search(_PRE.sub(" ", text)))
    post = post or bool(numbers.keys() & {"post", "nth", "minute"})
    if pre == post:
        return None, number
    return (Moment.PRE if pre else Moment.POST), number


def _read_t1_role(
    text: str, fat_suppressed: bool | None, moment: Moment | None, number: int | None
) -> tuple[Role, float, str]:
    """The roles of T1: a dynamic, one of its phases, or a series that stands alone."""
    if not _SINGLE.search(text):
        if counted := _COUNTED.search(text):
            return Role.DCE_MULTI, 0.9, counted.group()
        if _SIDE.match(text) and not (_T1.search(text) or _DYNAMIC.search(text)):
            return Role.OTHER, 0.0, ""  # "right side 1 min": what is shown of it, a projection most likely
        if number is not None and fat_suppressed is not False and not _PRE_AND_POST.search(text):
            role = {Moment.PRE: Role.DCE_PRE, Moment.POST: Role.DCE_POST, None: Role.DCE_PHASE}[moment]
            return role, 0.8, f"phase {number}"
        if dynamic := _DYNAMIC.search(text):
            return _of_dynamic(text), 0.8, dynamic.group()
        both = _PRE_AND_POST.search(text) or (_PRE.search(text) and _SAYS_POST.search(text) and _T1.search(text))
        if both and fat_suppressed is not False:
            return Role.DCE_MULTI, 0.6, "before and after contrast"
    return _alone(text, fat_suppressed, moment)


def _of_dynamic(text: str) -> Role:
    """Which part of a dynamic: all of it unless pre or post is said; "Gd" alone only says that contrast is given."""
    pre, post = _PRE.search(text), _SAYS_POST.search(text)
    if bool(pre) == bool(post):
        return Role.DCE_MULTI
    return Role.DCE_PRE if pre else Role.DCE_POST


def _alone(text: str, fat_suppressed: bool | None, moment: Moment | None) -> tuple[Role, float, str]:
    """A T1 outside any dynamic; after contrast, fat is suppressed unless it is a spin echo or the name says otherwise."""
    t1 = _T1.search(text)
    if fat_suppressed is not None:
        role = Role.T1_FS_SINGLE if fat_suppressed else Role.T1_NONFS
        return (
            role,
            0.8 if t1 else 0.5,
            f"{t1.group() if t1 else ''} {'with' if fat_suppressed else 'without'} fat suppression",
        )
    if t1:
        suppressed = moment is Moment.POST and not _SPIN_ECHO.search(text)
        return (Role.T1_FS_SINGLE if suppressed else Role.T1_NONFS), 0.5, t1.group()
    if moment is not None:
        return (Role.DCE_PRE if moment is Moment.PRE else Role.DCE_POST), 0.5, str(moment)
    return Role.OTHER, 0.0, ""
