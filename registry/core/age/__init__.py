"""The age v1 file format (c2sp.org/age): header, payload, recipients and Bech32."""
