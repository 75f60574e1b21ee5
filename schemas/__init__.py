"""XML schemas of the documents that enter the archive, with an example of each kind."""

from importlib.resources import files

SIP_SCHEMA = files(__name__) / "sip-1.0.xsd"
EXAMPLES = ("example-observation.xml", "example-pipeline.xml")
