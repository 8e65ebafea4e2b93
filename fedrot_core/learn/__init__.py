"""What is taught: lessons, their worked examples, quiz questions, and mistakes found in public code."""
