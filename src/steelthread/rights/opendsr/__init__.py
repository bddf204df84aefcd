"""OpenDSR 2.0 (formerly OpenGDPR): requests of controllers taken as their processor, erasures carried on to destinations."""
