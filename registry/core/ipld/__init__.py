"""Content identifiers, UnixFS trees and CAR archives, computed and checked here."""
