-- An object that is no longer made.
DROP MACRO IF EXISTS {{object}};
