"""Runs inside QGIS's own Python: asks a layer of a collection as a person would, and prints what came as JSON.

filter_layer.py LANDING_PAGE COLLECTION
"""

import json
import sys

from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorDataProvider, QgsVectorLayer

landing, collection = sys.argv[1:3]
application = QgsApplication([], False)
application.initQgis()
uri = f"pagingEnabled='true' pageSize='5' restrictToRequestBBOX='1' typename='{collection}' url='{landing}' version='OGC_API_FEATURES'"


def layer(subset: str = "") -> QgsVectorLayer:
    made = QgsVectorLayer(uri, collection, "OAPIF")
    assert made.isValid(), made.error().message()
    assert not subset or made.setSubsetString(subset), "QGIS refuses the filter"
    return made


def ids(features) -> list[str]:
    return [feature["id"] for feature in features]


plain = layer()
capabilities = plain.dataProvider().capabilities()
print(
    json.dumps(
        {
            "all": ids(layer().getFeatures()),
            "in_box": ids(layer().getFeatures(QgsFeatureRequest(QgsRectangle(127.0, 39.0, 128.0, 40.0)))),
            "from": ids(layer("\"start_datetime\" >= '2019-01-01T00:00:00Z'").getFeatures()),
            "titled": ids(layer("\"title\" = 'Lagerhaus'").getFeatures()),
            "adds": bool(capabilities & QgsVectorDataProvider.AddFeatures),
            "changes": bool(capabilities & QgsVectorDataProvider.ChangeGeometries),
        }
    )
)
