"""Word lists, the spam filter and its training, Akismet's protocol."""
