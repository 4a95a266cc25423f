"""The page and its endpoints, out of Gradio's components."""
