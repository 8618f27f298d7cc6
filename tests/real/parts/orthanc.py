"""Orthanc with its DICOMweb plugin as the archive: credentials needed, every request in its own log."""

import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from parts.processes import child, free_port, wait_until

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
LOGIN = ("cds", "secret")


@dataclass(frozen=True, slots=True)
class Archive:
    """A running archive."""

    root: str  # of DICOMweb
    url: str
    log: Path

    def store(self, uid: str, description: str, **headers: Any) -> None:
        """One MR series of one image, as headers alone."""
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        image.PatientID, image.PatientName, image.Modality = "p1", "Synthetic^Chart", "MR"
        image.StudyInstanceUID, image.SeriesInstanceUID, image.SeriesDescription = uid, generate_uid(), description
        for name, value in headers.items():
            setattr(image, name, value)
        content = io.BytesIO()
        image.save_as(content, enforce_file_format=True)
        answer = requests.post(f"{self.url}/instances", data=content.getvalue(), auth=LOGIN, timeout=10)
        assert answer.ok, answer.text

    def asked(self) -> list[str]:
        """Paths below DICOMweb that were asked for so far, as the archive logged them."""
        return re.findall(r"\bGET (/dicom-web/\S*)", self.log.read_text(errors="replace"))


@contextmanager
def orthanc(folder: Path) -> Iterator[Archive]:
    """Start the archive in `folder` and wait until it answers."""
    program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
    assert Path(program).exists(), "orthanc and orthanc-dicomweb are missing: make setup installs them"
    assert PLUGIN.exists(), "orthanc-dicomweb is missing: make setup installs it"
    port, log = free_port(), folder / "orthanc.log"
    config = {
        "Name": "archive",
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {LOGIN[0]: LOGIN[1]},
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False, "Host": "127.0.0.1", "Ssl": False},
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    line = [program, "--verbose", str(folder / "orthanc.json")]
    with child(line, log, cwd=folder, env=os.environ) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: requests.get(f"{url}/system", auth=LOGIN, timeout=2).ok, process, log)
        yield Archive(f"{url}/dicom-web", url, log)
