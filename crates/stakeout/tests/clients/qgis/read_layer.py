"""Runs inside QGIS's own Python: loads a collection as a layer and prints what QGIS made of it as JSON.

read_layer.py LANDING_PAGE COLLECTION
"""

import json
import sys

from qgis.core import QgsApplication, QgsVectorLayer

landing, collection = sys.argv[1:3]
application = QgsApplication([], False)
application.initQgis()
uri = (
    f"pagingEnabled='true' restrictToRequestBBOX='1' typename='{collection}' url='{landing}' version='OGC_API_FEATURES'"
)
layer = QgsVectorLayer(uri, collection, "OAPIF")
print(
    json.dumps(
        {
            "valid": layer.isValid(),
            "error": layer.error().message(),
            "crs": layer.crs().authid(),
            "fields": [field.name() for field in layer.fields()],
            "features": sum(1 for _ in layer.getFeatures()),
        }
    )
)
