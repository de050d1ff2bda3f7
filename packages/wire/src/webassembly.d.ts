// Types for the part of WebAssembly that snappy-wasm.ts uses. They are otherwise only in the types of
// browsers, which would bring much that Node lacks.

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }

  class Instance {
    constructor(module: Module)
    readonly exports: object
  }

  interface Memory {
    /** Becomes detached when the memory grows. */
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }

  interface Global {
    readonly value: number
  }
}
