"""The coded terms of the objects: value, coding scheme, meaning. All but a few are of DICOM PS3.16.

UCUM's units ``ml`` and ``[ppb]`` are in none of its lists; LOINC's "MR Brain" is more exact than what they offer. There
is no term for a susceptibility relative to a reference, so that one is ours.
"""

Term = tuple[str, str, str]

OWN_SCHEME, OWN_SCHEME_NAME = "99THALIRON", "ThalIron's own terms"

ANATOMICAL_STRUCTURE: Term = ("91723000", "SCT", "Anatomical Structure")
BODY_SUBSTANCE: Term = ("91720002", "SCT", "Body Substance")
ABNORMAL_STRUCTURE: Term = ("49755003", "SCT", "Morphologically Abnormal Structure")

THALAMUS: Term = ("42695009", "SCT", "Thalamus")
CSF: Term = ("65216001", "SCT", "Cerebrospinal Fluid")
VEIN: Term = ("29092000", "SCT", "Vein")
LESION: Term = ("52988006", "SCT", "Lesion")
BRAIN: Term = ("12738006", "SCT", "Brain")
LATERAL_VENTRICLE: Term = ("66720007", "SCT", "Lateral Ventricle")

LEFT: Term = ("7771000", "SCT", "Left")
RIGHT: Term = ("24028007", "SCT", "Right")
BOTH: Term = ("51440002", "SCT", "Bilateral")

VOLUME: Term = ("118565006", "SCT", "Volume")
SUSCEPTIBILITY: Term = ("126396", "DCM", "Magnetic Susceptibility")
RELATIVE_SUSCEPTIBILITY: Term = ("RELCHI", OWN_SCHEME, "Magnetic susceptibility relative to cerebrospinal fluid")
NUMBER_OF_LESIONS: Term = ("246206008", "SCT", "Number of lesions (observable entity)")

MEAN: Term = ("373098007", "SCT", "Mean")
MEDIAN: Term = ("373099004", "SCT", "Median")
STANDARD_DEVIATION: Term = ("386136009", "SCT", "Standard Deviation")
TOTAL: Term = ("255619001", "SCT", "Total")

ML: Term = ("ml", "UCUM", "milliliter")
PPB: Term = ("[ppb]", "UCUM", "parts per billion")
NO_UNITS: Term = ("1", "UCUM", "no units")

MANUAL_PROCESSING: Term = ("123109", "DCM", "Manual Processing")
NEIGHBORHOOD_ANALYSIS: Term = ("123101", "DCM", "Neighborhood Analysis")
MORPHOLOGICAL_OPERATIONS: Term = ("123104", "DCM", "Morphological Operations")

PERSON: Term = ("121006", "DCM", "Person")
DEVICE: Term = ("121007", "DCM", "Device")
MR_BRAIN: Term = ("24590-2", "LN", "MR Brain")
