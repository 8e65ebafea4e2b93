"""What figures share: the contract, colours, text that fits, marks, planes, and the rows behind a figure."""
