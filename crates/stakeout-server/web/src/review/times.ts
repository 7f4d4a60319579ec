// Times as people read them: in UTC, as the images' are.

export const clock = (time: string) => (time ? `${time.slice(0, 10)} ${time.slice(11, 16)} UTC` : "an unknown time");
export const day = (time: string) => time.slice(0, 10);
