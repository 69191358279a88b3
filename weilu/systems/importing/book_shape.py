"""What may lie in a workbook of hosts: cells and what Excel, WPS and LibreOffice put beside them.

Nothing that runs, and nothing that another file or a server would fill; a link that only a click follows may stand.
"""

import re

from weilu.documents.package import Allowed

RECKONED = "\0"  # stands before a formula or an error in what is read, where no text can begin with it
MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
PARTS = re.compile(
    r"application/vnd\.openxmlformats-officedocument\.("
    r"spreadsheetml\.(sheet\.main|worksheet|chartsheet|sharedStrings|styles|calcChain|comments|table|pivotTable|"
    r"pivotCacheDefinition|pivotCacheRecords|sheetMetadata)|drawing|drawingml\.(chart|chartshapes)|theme|themeOverride|"
    r"extended-properties|custom-properties|customXmlProperties)\+xml"
    r"|application/vnd\.openxmlformats-officedocument\.(spreadsheetml\.printerSettings|vmlDrawing)"
    r"|application/vnd\.openxmlformats-package\.(relationships|core-properties)\+xml"
    r"|application/vnd\.ms-excel\.(threadedcomments|person|slicer|slicerCache|timeline|timelineCache|"
    r"featurepropertybag)\+xml"
    r"|application/vnd\.ms-office\.(chartstyle|chartcolorstyle)\+xml|application/vnd\.wps-officedocument\.cellimage\+xml"
    r"|application/xml|text/xml|image/(png|jpe?g|gif|bmp|tiff|x-emf|x-wmf)"
)
LINKS = frozenset({
    "officeDocument", "core-properties", "extended-properties", "custom-properties", "thumbnail", "worksheet",
    "chartsheet", "sharedStrings", "styles", "theme", "themeOverride", "calcChain", "comments", "vmlDrawing", "drawing",
    "chart", "chartUserShapes", "chartStyle", "chartColorStyle", "image", "table", "pivotTable",
    "pivotCacheDefinition", "pivotCacheRecords", "sheetMetadata", "printerSettings", "customXml", "customXmlProps",
    "person", "threadedComment", "slicer", "slicerCache", "timeline", "timelineCache", "FeaturePropertyBag",
    "cellImage", "hyperlink",
})  # fmt: skip
PLAIN = Allowed(MAIN, PARTS, LINKS, pressed=frozenset({"hyperlink"}))
