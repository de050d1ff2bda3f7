// The languages of the page. Each has one file, and all have the same texts.

import { en, type Texts } from './en.ts'
import { ko } from './ko.ts'

export type Language = 'en' | 'ko'

/** Returns the texts of a language. */
export function textsOf(language: Language): Texts {
  return language === 'ko' ? ko : en
}
