"""What a series name says by itself: the real names of ../shared/data, and names of scanners that are not in it."""

from __future__ import annotations

import csv
import json
from itertools import product

import pytest

from dicom_io.study.names import read_name
from dicom_io.study.roles import DCE_ROLES
from mome_core.case import Role
from node.cli.main import main
from places import SHARED

LISTS = {"series_descriptions_dev.csv": 105, "series_descriptions_idc_dev.csv": 531}  # rows whose name is enough
COMPUTED = {Role.SUBTRACTION, Role.MIP, Role.MPR, Role.ADC, Role.DERIVED_MAP, Role.SEG, Role.FAT}


def is_dangerous(true: Role, told: Role) -> bool:
    """Whether a mistake would feed a computed image, or a T1 without fat suppression, to the network."""
    if true in COMPUTED:
        return told in DCE_ROLES | {Role.DWI}
    return true is Role.T1_NONFS and told in DCE_ROLES


@pytest.fixture(params=LISTS)
def told(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[tuple[dict[str, str], dict[str, str]]]]:
    """How many rows are enough, and each row of the real names with what `mome-node roles` says of it."""
    names = SHARED / "data" / request.param
    if not names.is_file():
        pytest.skip("the real series names of ../shared/data are not here")
    with pytest.raises(SystemExit) as ended:
        main(["roles", "--names", str(names), "--json"])
    assert ended.value.code == 0
    with names.open(encoding="utf-8", newline="") as file:
        return LISTS[request.param], list(zip(csv.DictReader(file), json.loads(capsys.readouterr().out), strict=True))


def test_98_percent_of_the_names_that_are_enough_are_right(
    told: tuple[int, list[tuple[dict[str, str], dict[str, str]]]],
) -> None:
    enough, rows = told
    right = [row["class"] == said["role"] for row, said in rows if row["name_alone_enough"] == "yes"]
    assert len(right) == enough
    assert sum(right) / len(right) >= 0.98


def test_no_real_name_is_dangerously_confused(told: tuple[int, list[tuple[dict[str, str], dict[str, str]]]]) -> None:
    _, rows = told
    pairs = [(row["series_description"], Role(row["class"]), Role(said["role"])) for row, said in rows]
    assert [pair for pair in pairs if is_dangerous(*pair[1:])] == []


BASES = (
    "t1_fl3d_tra_dynaVIEWS_1+5",
    "dyn_eTHRIVE",
    "Ph2/Ax Vibrant MultiPhase",
    "ax dyn 2nd pass",
    "WATER: Ph3/Ax Vibrant-Flex",
    "3D TIGRE dyn",
    "t1_quick3d_fs_tra_dyn",
    "TWIST dyn",
)
DIFFUSION_BASES = ("ep2d_diff_tra_b50_800", "DWI b1000", "resolve_diff_tra", "DWIBS", "SSh_DWI", "diffusion 0-800")
COMPUTED_WORDS = {
    Role.SUBTRACTION: "SUB Sub1 SUB2 Subtraction SUBTRACTED subs Subtraktion soustraction sustraccion resta",
    Role.MIP: "MIP MIPs MIP_TRA SUB_MIP ThinMIP rMIP MaxIP PJN radMIP",
    Role.MPR: "MPR MPR_SAG Reformat RFMT RECON",
    Role.DERIVED_MAP: "SER WASHIN wash-out PEI PE1 TTP Ktrans IAUC CAD DynaCAD CurveMap colormap TimeToPeak MTT",
    Role.SEG: "mask Segmentation ROI",
}
DIFFUSION_WORDS = {Role.ADC: "ADC ADC_DFC eADC dADC", Role.DERIVED_MAP: "FA ColFA TENSOR", Role.MIP: "MIP MIP_SAG"}
FORMS = ("{base} {word}", "{base}_{word}", "{word} {base}", "{word}_{base}", "{word}: {base}", "{base}<{word}>")


@pytest.mark.parametrize(("bases", "words"), [(BASES, COMPUTED_WORDS), (DIFFUSION_BASES, DIFFUSION_WORDS)])
def test_a_word_for_a_computation_is_heard_wherever_it_stands(bases: tuple[str, ...], words: dict[Role, str]) -> None:
    for base, form, (role, vocabulary) in product(bases, FORMS, words.items()):
        for word in vocabulary.split():
            name = form.format(base=base, word=word)
            assert read_name(name).role in COMPUTED, f"{name} is a {role}"


@pytest.mark.parametrize("said", ["{} non fs", "NON-FAT-SAT {}", "{}_nonFS", "{} w/o FS", "{} ohne FS", "{} kein FS"])
@pytest.mark.parametrize("name", ["AX T1", "t1_fl3d_tra", "Ax Vibrant PRE", "t1_vibe_tra post", "T1W_FFE", "LAVA"])
def test_without_fat_suppression_contains_the_words_of_the_opposite(name: str, said: str) -> None:
    assert read_name(said.format(name)).role is Role.T1_NONFS


# Names of public datasets, protocol trees and code that are not in the file above.
@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.DCE_MULTI, "AX Sen Vibrant MultiPhase|eTHRIVE_Tra 1-6 dyn|t1_quick3d_tra_fs_1+6steps_R1|4D-THRIVE dyn"),
        (Role.DCE_MULTI, "Ultra_Fast_92_Sec|ISPY2: Ax Vibrant PRE/POST|T1 Dynamik 6x FS|dynamique T1 FS|BREAST DCE"),
        (Role.DCE_PRE, "Ph0/Ax dyn pre|ax 3d dyn pre|t1_fl3d_tra_dynVIEWS_spair_ pre"),
        (Role.DCE_POST, "ax 3d dyn 4th pass|t1_fl3d_tra_dynVIEWS_spair_2nd pass|Ph1/Axial T1FS post|5th ax dyn"),
        (Role.DCE_PHASE, "ax VIBRANT-FLEX Ph3|502-WATER_ Ph2/Ax VIBRANT-Flex|Ph5/Ax dyn mp 326 2.4 62 NO DELAY"),
        (Role.T1_FS_SINGLE, "Sag T1 f/s post delay RIGHT|t1_fl3d_spair_tra_delayed|T1 FATSAT TARDIF|SAG T1W SPIR +C"),
        (Role.T1_NONFS, "T1 left non fat satt|Sag T1 non f/s post|ax t1 tse +c|T1W/TSE|T1 sans FatSat|T1 only"),
        (Role.T1_NONFS, "InPhase: Ax Vibrant-Flex|t1_vibe_dixon_tra_in|T1 sin supresion grasa|Sag VIBRANT wo FS"),
        (Role.T2, "AX T2 FSE BILATERAL PRE|eT2W_SPAIR SENSE|WATER: Ax T2 FSE-IDEAL|t2_space_tra|AX CUBE T2 FAT SAT"),
        (Role.T2_IR, "stir_tra_p2|t2_stir_tra_p3|2_tirm_tra_bilat|STIR SENSE|tirm sag re Mamma"),
        (Role.DWI, "EP2D_TRA_4B_SPAIR_DYNDIST_MIX|IR_DWI_BILAT SENSE|zoomit_diff_tra_50_1000_tracew|AX FOCUS b1000"),
        (Role.ADC, "ADC (10^-6 mm²/s)|Average DC|resolve_diff_tra_p2_ADC_DFC|dReg - ADC|eADC"),
        (Role.SUBTRACTION, "SDYN_SUB2|SSUB 2-1_ETHRIVE_7DYN SENSE|S7-1DYN_ETHRIVE|s3-1|1 MIN SUB|DYN DIFF 2-1"),
        (Role.SUBTRACTION, "(10037/805/1..188)-(10037/800/1..188)|T1_FL3D_TRA_DYNA_CAIPI_SUB|Ph2-Ph1|减影"),
        (Role.MIP, "AX SUB MIP 1|ROTATING MIPS|PJN SUB 2|DWIBS MIP inverted"),
        (Role.DERIVED_MAP, "ISPY2: VOLSER: bi-lateral: PE2|ep2d_diff_mddw_20_p2(DTI)_TENSOR|Fractional Ansio.|PEI dyn"),
        (Role.SEG, "ACRIN-6698: DWI MASK: from S4: Whole Tumor Manual|breast mask"),
        (Role.FAT, "FAT: Ax T2FSE+ASSET|sag_dixon_bilateral_F|mDIXON_F"),
        (Role.LOCALIZER, "3-Plane Loc|Localization|FastView|Übersicht|localisateur"),
        (Role.OTHER, "stir_sag_silicone_sat_left|implant_type_scan|t2_tirm_tra_dark-fluid|FieldMap: Ax T2FSE+ASSET"),
        (Role.OTHER, "svs_se_breast_int_ref|OutPhase: Ax LAVA Flex|ASSET Calibration|Ref_SENSE|PosDisp: [4] t1_dyn"),
    ],
)
def test_names_of_other_sites(role: Role, names: str) -> None:
    assert {name: read_name(name).role for name in names.split("|")} == dict.fromkeys(names.split("|"), role)
