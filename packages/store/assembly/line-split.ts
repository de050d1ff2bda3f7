// Splits lines into templates and columns of values, and joins them again:
// src/segment/split/script-split.ts in WebAssembly. The language is AssemblyScript.
// release/build-wasm.mjs compiles it, and src/segment/split/wasm-split.ts calls it. script-split.ts
// explains what is done and how the parts look; both make the same bytes.

export { join } from './line-split/join'
export {
  bytesMax,
  columnsMax,
  linesMax,
  partsAt,
  partsMax,
  templateBytesMax,
  templatesMax,
  textAt,
  valuesMax,
} from './line-split/memory'
export { hexBytes, idBytes, numberBytes, shapeBytes, wordBytes } from './line-split/parts'
export { split } from './line-split/split'
