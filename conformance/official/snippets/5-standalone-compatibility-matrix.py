COMPATIBILITY_MATRIX = {
    "1.0.0": {
        "claude_mpm_versions": [">=0.7.0"],
        "min_python": "3.8",
        "socketio_min": "5.11.0",
        "features": [
            "persistent_server",
            "version_compatibility", 
            "process_isolation",
            "health_monitoring",
            "event_namespacing"
        ]
    }
}
