/** The version of the Elastic Common Schema whose names events and messages have. */
export const ECS_VERSION = '9.0.0';
