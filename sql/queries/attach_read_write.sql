-- Attach a new generation under construction, in the storage version that every client opens.
ATTACH {{path}} AS {{alias}} (STORAGE_VERSION 'v1.0.0');

USE {{alias}};
