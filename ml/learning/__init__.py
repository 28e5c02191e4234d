"""What is learned: rows become datasets, datasets become pipelines. Frames in, frames out; no database, no printing."""
