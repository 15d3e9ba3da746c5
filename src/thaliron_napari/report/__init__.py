"""One HTML page a case and one a cohort."""
