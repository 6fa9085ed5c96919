"""`make status`: ask every host, say what is wrong and what to type, draw one screen."""
