"""Runs inside QGIS's own Python: draws a square of a raster layer at the scale of its pixels.

show_tiles.py URI WEST NORTH SIDE_PX FILE.png
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QSize

PIXEL_M = 0.5

uri, west, north, side, picture = sys.argv[1:6]
left, top, side = float(west), float(north), int(side)
application = QgsApplication([], False)
application.initQgis()
layer = QgsRasterLayer(uri, "scene", "wms")
if layer.isValid():
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setOutputSize(QSize(side, side))
    settings.setExtent(QgsRectangle(left, top - side * PIXEL_M, left + side * PIXEL_M, top))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)
print(json.dumps({"valid": layer.isValid(), "error": layer.error().message(), "crs": layer.crs().authid()}))
