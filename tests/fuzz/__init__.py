"""Bad input: what comes from outside is changed at random, and must be taken or refused in words."""
