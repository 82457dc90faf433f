/* What the build makes for the pages about the server. */
#ifndef OCL_ABOUT_H
#define OCL_ABOUT_H

/* The lines of the changelog as HTML, below its title; ends with NULL. By tools/make-changelog. */
extern const char *const ocl_changelog[];

#endif
