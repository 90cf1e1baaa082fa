"""Words as statistics: a site's word lists, and the filter that learns from its moderators."""
