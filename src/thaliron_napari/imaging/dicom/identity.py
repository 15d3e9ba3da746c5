"""Leave out of a scanner's words what says who the patient is, or who was at work."""

import re
from collections.abc import Iterator
from typing import Any

from thaliron_napari.imaging.dicom.values import texts_of

IDENTITY = (
    "PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName",
    "PatientMotherBirthName", "IssuerOfPatientID", "AccessionNumber", "ReferringPhysicianName",
    "PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "OperatorsName", "RequestingPhysician",
    "ResponsiblePerson", "PatientAddress", "PatientTelephoneNumbers",
)  # fmt: skip


def without_identity(words: str, header: Any) -> str:
    """Words of a header without whatever the same header says of persons, and without control characters."""
    for secret in _secrets(header):
        words = re.sub(secret, "…", words, flags=re.IGNORECASE)
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())[:64]


def _secrets(header: Any) -> Iterator[str]:
    """Patterns of everything in the header that names a person: whole, in parts, and dates as people write them."""
    for name in IDENTITY:
        for value in texts_of(header, name):
            if name == "PatientBirthDate":
                if re.fullmatch(r"\d{8}", value):
                    y, m, d = value[:4], value[4:6], value[6:]
                    yield from (rf"{a}\D?{b}\D?{c}" for a, b, c in ((y, m, d), (d, m, y), (m, d, y)))
                continue
            words = [re.escape(word) for word in re.split(r"[\^=\s,;_/.]+", value) if len(word) > 1]
            if words[1:]:
                yield from (r"[\W_]*".join(order) for order in (words, words[::-1]))
            for word in words:  # short ones only where they stand alone, for Li is also in Flair
                yield word if len(word) > 4 else rf"(?<![^\W_]){word}(?![^\W_])"
