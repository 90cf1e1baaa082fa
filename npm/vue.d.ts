import type {DefineComponent} from 'vue'
import type {Settings} from './index.js'

export const Comments: DefineComponent<Settings>
