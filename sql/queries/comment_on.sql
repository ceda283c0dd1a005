-- comment_on: give a view, table macro, scalar macro or column the text that stands in its file's header.
COMMENT ON {{kind}} {{object}} IS {{text}};
