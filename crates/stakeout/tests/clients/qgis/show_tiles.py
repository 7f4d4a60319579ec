"""Runs inside QGIS's own Python: draws the upper left corner of a raster layer at the scale of its pixels.

    show_tiles.py URI SIDE_PX FILE.png
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

uri, side, picture = sys.argv[1:4]
side = int(side)
application = QgsApplication([], False)
application.initQgis()
layer = QgsRasterLayer(uri, "scene", "wms")
if layer.isValid():
    extent = layer.extent()
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setOutputSize(QSize(side, side))
    left, top = extent.xMinimum(), extent.yMaximum()
    settings.setExtent(QgsRectangle(left, top - side * PIXEL_M, left + side * PIXEL_M, top))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture)
print(json.dumps({"valid": layer.isValid(), "error": layer.error().message(), "crs": layer.crs().authid()}))
