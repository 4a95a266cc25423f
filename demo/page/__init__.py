"""The page and its endpoints, built from Gradio's components."""
