"""The dialects that clients speak: chat, Responses and Messages; each says what a body can cost and what it did."""
