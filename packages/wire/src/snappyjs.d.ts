// Types for the encoder and decoder classes inside snappyjs. Only these can write into the caller's
// memory, and the package's own types omit them.

declare module 'snappyjs/snappy_compressor.js' {
  export class SnappyCompressor {
    constructor(uncompressed: Uint8Array)
    /** Returns the number of bytes written. */
    compressToBuffer(output: Uint8Array): number
  }
}

declare module 'snappyjs/snappy_decompressor.js' {
  export class SnappyDecompressor {
    constructor(compressed: Uint8Array)
    /** Returns -1 if the length cannot be read. */
    readUncompressedLength(): number
    /** Returns false if an element points outside. Does not check the length of the output. */
    uncompressToBuffer(output: Uint8Array): boolean
  }
}
