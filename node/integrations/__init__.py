"""What a hospital has around its PACS: RIS, FHIR server, worklist, audit repository. One file for each protocol."""
