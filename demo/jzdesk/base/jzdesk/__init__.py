"""网上预约平台: appointments at the counters of a social insurance centre; a small real application for the demo."""
