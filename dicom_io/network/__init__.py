"""DICOM network roles: SCP, SCU, storage commitment, TLS; the only room that imports pynetdicom."""
