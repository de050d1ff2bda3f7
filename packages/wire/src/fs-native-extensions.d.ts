// Types for the part of fs-native-extensions that is used. The package has none.
declare module 'fs-native-extensions' {
  /**
   * Takes an exclusive lock on the open file description. Returns `false` if another one holds it.
   */
  export function tryLock(descriptor: number): boolean
}
