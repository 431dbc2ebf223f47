export declare const packages: string[]
export declare const fileOf: (name: string) => URL
