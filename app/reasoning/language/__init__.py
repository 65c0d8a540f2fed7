"""A language model beside the built-in reasoner. It may say; it may not decide.

Read in this order: chat (the port) -> untrusted -> digest -> offers -> answers -> prompts ->
adviser (one question, within its budget) -> beside (the rule) -> language_model (the door).
"""
