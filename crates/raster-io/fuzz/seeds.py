"""Valid files of each format as the targets want them: without the bytes that a target puts before them."""

import subprocess
import sys
from pathlib import Path

# target: how many bytes its start has, and what stands before the rest
STARTS = {
    "tiff": {b"II*\0": b"\0", b"MM\0*": b"\1", b"II+\0": b"\2", b"MM\0+": b"\3"},
    "png": {b"\x89PNG\r\n\x1a\n": b""},
    "jpeg": {b"\xff\xd8\xff": b""},
    "jp2": {b"\0\0\0\x0cjP  \r\n\x87\n": b"\0", b"\xff\x4f\xff\x51": b"\1"},
}
FILES = {
    "tiff": [
        ["-of", "GTiff"],
        ["-of", "GTiff", "-co", "TILED=YES", "-co", "BIGTIFF=YES"],
        ["-of", "COG"],
        ["-of", "GTiff", "-co", "ENDIANNESS=BIG"],
        ["-of", "GTiff", "-co", "ENDIANNESS=BIG", "-co", "BIGTIFF=YES"],
    ],
    "png": [["-of", "PNG"]],
    "jpeg": [["-of", "JPEG"], ["-of", "JPEG", "-co", "PROGRESSIVE=ON"]],
    "jp2": [["-of", "JP2OpenJPEG"], ["-of", "JP2OpenJPEG", "-co", "CODEC=J2K"]],
}

folder = Path(sys.argv[1])
plain = folder / "plain.tif"
folder.mkdir(parents=True, exist_ok=True)
subprocess.run(
    [
        "gdal_create",
        "-q",
        "-outsize",
        "24",
        "16",
        "-bands",
        "3",
        "-burn",
        "90",
        "-a_srs",
        "EPSG:32652",
        "-a_ullr",
        "551400",
        "4416600",
        "551412",
        "4416592",
        plain,
    ],
    check=True,
)
for target, recipes in FILES.items():
    (folder / target).mkdir(exist_ok=True)
    for index, options in enumerate(recipes):
        made = folder / f"made-{index}.{target}"
        subprocess.run(
            ["gdal_translate", "-q", "--config", "GDAL_PAM_ENABLED", "NO", *options, plain, made], check=True
        )
        content = made.read_bytes()
        start = next(start for start in STARTS[target] if content.startswith(start))
        (folder / target / f"seed-{index}").write_bytes(STARTS[target][start] + content[len(start) :])
