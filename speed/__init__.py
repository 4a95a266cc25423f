"""Speed and memory of each of the project's jobs, compared in one run with the library usually used for that job."""
