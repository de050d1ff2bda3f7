// Where the built page is: one file with all its files. This is the only file of the package that runs in the store.

/** URL of the file that `release/build-page.mjs` writes. It is missing if the page was not built. */
export const packUrl = new URL('../build/page.pack', import.meta.url)
