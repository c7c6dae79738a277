"""The demo's scenario: a person grants, a brand verifies, the person revokes."""
