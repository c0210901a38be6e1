// How big the image may be. Beyond that somebody has to say why, in deploy/README.md as well.

/** Bytes of files: our code with its packages, and the whole image with a base of Node 24. */
export const SIZE_BOUNDS = { app: 70e6, image: 240e6 }
