"""The brand's service: it asks by a link, takes what people send, answers "may I?", and notices when consent ends."""
