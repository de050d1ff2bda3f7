// The decoder behind snappyjs's `uncompress`, which alone can write into memory of the caller's; the
// package's types leave it out.

declare module 'snappyjs/snappy_decompressor.js' {
  export class SnappyDecompressor {
    constructor(compressed: Uint8Array)
    /** Returns -1 when the length cannot be read. */
    readUncompressedLength(): number
    /** Returns false when an element points outside; does not check the length of the output. */
    uncompressToBuffer(output: Uint8Array): boolean
  }
}
