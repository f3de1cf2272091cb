"""Side by side with what people use today: accuracy, run time, and what it takes to learn."""
