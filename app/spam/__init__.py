"""Text as statistics: word lists, the spam filter and its training, Akismet's protocol."""
