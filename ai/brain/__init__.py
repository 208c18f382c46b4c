"""One beat of a life: what it perceives, thinks and does, and what keeps it out of circles."""
