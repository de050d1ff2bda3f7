// The encoder and the decoder behind snappyjs's functions, which alone can write into memory of the
// caller's; the package's types leave them out.

declare module 'snappyjs/snappy_compressor.js' {
  export class SnappyCompressor {
    constructor(uncompressed: Uint8Array)
    maxCompressedLength(): number
    /** Returns how many bytes were written. */
    compressToBuffer(output: Uint8Array): number
  }
}

declare module 'snappyjs/snappy_decompressor.js' {
  export class SnappyDecompressor {
    constructor(compressed: Uint8Array)
    /** Returns -1 when the length cannot be read. */
    readUncompressedLength(): number
    /** Returns false when an element points outside; does not check the length of the output. */
    uncompressToBuffer(output: Uint8Array): boolean
  }
}
